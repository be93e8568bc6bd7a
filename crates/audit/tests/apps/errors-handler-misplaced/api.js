const api = require('express').Router();
api.get('/', (req, res) => res.json({}));
api.use((req, res) => res.status(404).json({}));
api.use((err, req, res, next) => res.status(500).json({}));
module.exports = api;
