const fs = require('fs');
const path = require('path');
const { Router } = require('express');

const router = Router();
['auth', 'items'].forEach((name) => router.use(`/${name}`, require('./' + name)));
module.exports = router;
