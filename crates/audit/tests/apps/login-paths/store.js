const rows = new Map();

exports.byEmail = async (email) => rows.get(email);
exports.insert = async (row) => rows.set(row.email, row);
