const crypto = require('crypto');

exports.compare = async (password, hash) => crypto.timingSafeEqual(crypto.scryptSync(password, 'salt', 32), Buffer.from(hash, 'hex'));
