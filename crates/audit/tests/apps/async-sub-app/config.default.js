export default {
  site: {
    base: process.env.BASE_URL || '/',
    cookie: 'site-cookie',
    port: process.env.PORT || 8081,
    sessionSecret: process.env.SESSION_SECRET,
    ssl: process.env.SSL === 'true',
    key: process.env.SSL_KEY,
    cert: process.env.SSL_CERT,
  },
};
