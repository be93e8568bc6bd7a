const { Router } = require('express');

const api = Router();
api.get('/items', (req, res) => res.json([]));
module.exports = api;
