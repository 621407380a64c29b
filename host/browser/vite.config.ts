//! Builds the page into one file that works from a folder: a browser refuses module scripts and
//! `fetch` there, so the script is a classic one, and script, style and WebAssembly are in the page.

import { createHash } from 'node:crypto';

import { defineConfig } from 'vite';
import type { Plugin } from 'vite';

/** The name of a content in a content security policy. */
function source(content: string): string {
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
}

/** Puts script and style into the page, and the policy that lets nothing else in. */
function single(): Plugin {
  return {
    name: 'single-file',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const html = bundle['index.html'];
      if (html?.type !== 'asset') throw new Error('the build has no index.html');
      let style = '';
      let script = '';
      for (const [name, file] of Object.entries(bundle)) {
        if (name === 'index.html') continue;
        if (file.type === 'chunk') {
          if (file.imports.length > 0 || file.dynamicImports.length > 0 || script !== '') {
            throw new Error('the script is in several pieces, and a page from a folder can load none');
          }
          script = file.code;
        } else if (name.endsWith('.css')) {
          style += String(file.source);
        } else {
          throw new Error(`\`${name}\` is not in the page; import it so that it is inlined`);
        }
        delete bundle[name];
      }
      // A closing tag inside of the script would end it.
      script = `\n${script.replaceAll('</script', '<\\/script').trim()}\n`;
      style = `\n${style.trim()}\n`;
      const policy = [
        "default-src 'none'",
        `script-src ${source(script)} 'wasm-unsafe-eval'`,
        `style-src ${source(style)}`,
        'img-src data:',
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ].join('; ');
      const page = String(html.source)
        .replace(/<script type="module"[^>]*><\/script>\s*/, '')
        .replace(/<link rel="stylesheet"[^>]*>\s*/, '')
        .replace('<!-- policy -->', () => `<meta http-equiv="Content-Security-Policy" content="${policy}" />`)
        .replace('</head>', () => `<style>${style}</style>\n  </head>`)
        .replace('</body>', () => `  <script>${script}</script>\n  </body>`);
      if (/<(?:script|link)\b[^>]*\b(?:src|href)="(?!data:)/.test(page)) {
        throw new Error('the page still refers to a file');
      }
      html.source = page;
    },
  };
}

export default defineConfig({
  base: './',
  build: {
    target: 'es2022',
    cssCodeSplit: false,
    assetsInlineLimit: Number.MAX_SAFE_INTEGER,
    modulePreload: false,
    reportCompressedSize: false,
    rollupOptions: { output: { format: 'iife' } },
  },
  plugins: [single()],
});
