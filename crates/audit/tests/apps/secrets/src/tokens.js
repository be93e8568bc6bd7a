const jwt = require('jsonwebtoken');
const { jwtKey } = require('../config');

const ALGORITHM = 'HS256'; // ok secrets/hardcoded
const password = 'password'; // ok secrets/hardcoded

exports.issue = (sub) => jwt.sign({ sub }, process.env.JWT_SECRET || 'shhhhh', { algorithm: ALGORITHM }); // !! secrets/hardcoded
exports.check = (token) => jwt.verify(token, jwtKey, { algorithms: [ALGORITHM] });
exports.legacy = (token) => jwt.verify(token, 'old-key-2019'); // !! secrets/hardcoded
exports.field = (body) => body[password];
