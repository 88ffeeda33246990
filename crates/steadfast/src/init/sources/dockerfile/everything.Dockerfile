# syntax=docker/dockerfile:1
ARG NODE=22
FROM node:${NODE} AS build
EXPOSE 9999
RUN <<EOT
echo EXPOSE 1111
HEALTHCHECK CMD false
EOT
HEALTHCHECK CMD curl -f http://localhost:9999/build

FROM node:${NODE}-slim AS base
ARG PORT=8080
ENV PORT=${PORT} API_TOKEN="hunter2hunter2"
EXPOSE ${PORT}/tcp 8125/udp

FROM base
ENV HEALTH_PORT 8080
EXPOSE 9090-9091 \
  # the debugger
  $DEBUG_PORT
HEALTHCHECK --interval=5s \
  --timeout=2s \
  CMD curl --fail -H "authorization: hunter2hunter2" http://localhost:${HEALTH_PORT}/healthz || exit 1
CMD ["node", "server.js"]
