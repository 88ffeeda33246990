FROM debian:trixie
HEALTHCHECK CMD ["/usr/bin/job", "--status", "--password=hunter2hunter2"]
