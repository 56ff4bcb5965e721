#!/usr/bin/env node
// The browser of the bench: opens the page that it is given and goes where that leads.
import { get } from 'node:http';

function open(url) {
  get(url, { agent: false }, (response) => {
    response.resume();
    const { location } = response.headers;
    if (location) open(new URL(location, url).href);
  });
}

open(process.argv[2]);
