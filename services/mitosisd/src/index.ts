export { chooseFunctions, DEFINITIONS, type Choice } from './services.js';
