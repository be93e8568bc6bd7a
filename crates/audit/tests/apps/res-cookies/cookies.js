const secure = process.env.NODE_ENV === 'production';
const base = { httpOnly: true, secure, sameSite: 'strict' };

exports.REFRESH = { ...base, path: '/refresh', maxAge: 7 * 24 * 3600 * 1000 };

exports.setAuth = function setAuth(res, access, refresh) {
  res.cookie('access_token', access, Object.assign({}, base, { maxAge: 900000 })); // ok cookie/no-secure cookie/httponly-disabled cookie/no-samesite cookie/no-expiry
  res.cookie('auth', refresh, { httpOnly: true, maxAge: 900000 }); // !! cookie/no-secure cookie/no-samesite
};

exports.clearAuth = function clearAuth(res) {
  for (const name of ['access_token', 'auth']) res.clearCookie(name, base); // ok cookie/no-expiry
};
