import MongoStore from 'connect-mongo';

export function sessionSettings(domain) {
  const settings = {
    name: 'site.sid',
    secret: process.env.SECRET,
    resave: false,
    saveUninitialized: false,
    store: MongoStore.create({ mongoUrl: process.env.MONGO_URL }),
    cookie: { maxAge: 86400000 },
  };
  if (process.env.NODE_ENV === 'production') {
    settings.cookie.secure = true;
  }
  if (domain) settings.cookie.domain = domain; // ?? cookie/broad-domain
  return settings;
}
