# Sluice in a container. Listens on 8080; the admin API stays on loopback inside the container unless the config file says otherwise
# (then it needs tokens). Mount the config at /etc/sluice/sluice.yaml and a volume at /var/lib/sluice.
#
#   docker build -t sluice .
#   docker run -p 8080:8080 -v ./sluice.yaml:/etc/sluice/sluice.yaml:ro -v sluice:/var/lib/sluice sluice

FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY tools ./tools
# The base image brings the runtime, so the one that the project installs for itself is left out.
RUN npm ci --omit=dev --omit=optional

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE* ./
COPY bin ./bin
COPY src ./src
COPY proxy ./proxy
COPY admin-api ./admin-api
COPY config ./config
RUN mkdir -p /var/lib/sluice && chown node:node /var/lib/sluice
USER node
VOLUME /var/lib/sluice
EXPOSE 8080
# SIGTERM drains for up to 30 s: give it more than Docker's ten ("docker stop -t 40").
STOPSIGNAL SIGTERM
# Alive is not ready: a Sluice that drains must not be restarted. Change the address here if the admin API listens elsewhere.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8081/livez').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/sluice.js"]
CMD ["run", "-c", "/etc/sluice/sluice.yaml", "--data-dir", "/var/lib/sluice"]
