const { Router } = require('express');

const pages = Router();
pages.get('/', (req, res) => res.render('index'));
pages.get('/about', (req, res) => res.render('about'));
module.exports = pages;
