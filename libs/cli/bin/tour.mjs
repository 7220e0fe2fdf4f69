#!/usr/bin/env node
import { main } from '../dist/tour/main.js';

await main(process.argv);
