import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// `closegraph` embeds dist/graphiql and mounts it at /graphiql/. Relative addresses keep the page working
// behind a proxy that adds a path prefix, and let nothing be fetched from another host.
export default defineConfig({
  root: 'graphiql',
  base: './',
  plugins: [react()],
  worker: { format: 'es' },
  build: {
    outDir: '../dist/graphiql',
    emptyOutDir: true,
    target: 'baseline-widely-available',
    modulePreload: { polyfill: false },
    // Monaco is one large piece that is loaded after the page stands.
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      onLog(level, log, report) {
        // GraphiQL ships "use no memo", a note to the React compiler, which is not part of this build.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
    },
  },
  server: {
    proxy: { '/graphql': process.env['CLOSEGRAPH_URL'] ?? 'http://127.0.0.1:8080' },
  },
});
