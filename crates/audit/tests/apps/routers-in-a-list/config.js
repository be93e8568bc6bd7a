exports.baseUrl = process.env.BASE_URL || '';
exports.debug = process.env.DEBUG === 'true';
