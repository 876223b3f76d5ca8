# closegraph and close-sim in one image: docker build -t closegraph .

FROM node:22-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY web ./
RUN npm run build -- --logLevel warn

# The same Debian as below: a binary does not start on an older C library than that it was linked with.
FROM rust:1-slim-bookworm AS build
WORKDIR /src
COPY . .
COPY --from=web /src/web/dist web/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p closegraph -p close-sim --bin closegraph --bin close-sim \
    && install -D -t /out target/release/closegraph target/release/close-sim

FROM debian:bookworm-slim
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/closegraph closegraph \
    && install -d -m 0700 -o closegraph -g closegraph /var/lib/closegraph
# Whom to trust when asking Close.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/ /usr/local/bin/
# What outlives a container: the vault key. The database is another server's, given by DATABASE_URL.
VOLUME /var/lib/closegraph
ENV CLOSEGRAPH_HTTP_LISTEN=0.0.0.0:8080 \
    CLOSEGRAPH_POSTGRES_DATA_DIR=/var/lib/closegraph \
    CLOSEGRAPH_LOG_FORMAT=json
USER 10001:10001
WORKDIR /var/lib/closegraph
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["closegraph", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["closegraph"]
CMD ["serve"]
