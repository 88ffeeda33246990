FROM debian:trixie
ENV API_TOKEN=hunter2hunter2
EXPOSE $API_TOKEN
HEALTHCHECK CMD curl http://localhost/$API_TOKEN
