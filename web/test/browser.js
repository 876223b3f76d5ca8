// The browser that tests open pages in: CHROMIUM, else the first that is found, else Playwright's own.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const FOUND =
  process.env['CHROMIUM'] ??
  [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ].find(existsSync);

/** A browser that asks nothing by itself. */
export const launchBrowser = () =>
  chromium.launch({
    ...(FOUND === undefined ? {} : { executablePath: FOUND }),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
