const common = { proxies: 1, port: process.env.PORT ?? 3000 };

const byEnv = {
  development: { ...common, secure: false, mongo: 'mongodb://localhost/dev' },
  production: { ...common, secure: true, mongo: process.env.MONGO_URL },
};

export default byEnv[process.env.NODE_ENV ?? 'development'];
