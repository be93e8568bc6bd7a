module.exports = { prefix: process.env.PREFIX || '', proxies: 1, hash: process.env.PASSWORD_HASH };
