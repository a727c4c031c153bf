# Build: the whole toolchain. Run: Node, the compiled sources and production packages, as a user without rights.
FROM node:26-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build
RUN npm prune --omit=dev --omit=optional --no-audit --no-fund

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /opt/talosgate
COPY --from=build --chown=root:root /src/package.json ./
COPY --from=build --chown=root:root /src/node_modules ./node_modules
COPY --from=build --chown=root:root /src/dist ./dist
COPY --chown=root:root migrations ./migrations
COPY --chown=root:root policies ./policies
COPY LICENSE README.md ./
# A mount point that the unprivileged user may write; the image itself stays read-only for it.
RUN install -d -o node -g node /data
USER node
EXPOSE 50000 8443
ENTRYPOINT ["node", "--max-semi-space-size=64", "/opt/talosgate/dist/cli/main.js"]
CMD ["serve", "--config", "/data/talosgate.yaml"]
