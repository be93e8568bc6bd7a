// Google's CSP Evaluator, strict checks too: what it finds in the policy given as the first argument.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { CspEvaluator, DEFAULT_CHECKS, STRICTCSP_CHECKS } = require('csp_evaluator/dist/evaluator.js');
const { CspParser } = require('csp_evaluator/dist/parser.js');

const { csp } = new CspParser(process.argv[2]);
const findings = new CspEvaluator(csp).evaluate(STRICTCSP_CHECKS, DEFAULT_CHECKS).filter((f) => f.severity < 100);
console.log(JSON.stringify({ directives: Object.keys(csp.directives ?? csp).length, findings }));
