enum Mode {
  Development = 'development',
  Production = 'production',
}

export const environment = {
  production: process.env.NODE_ENV === Mode.Production,
  secret: process.env.SECRET,
  mongo: process.env.MONGO_URL,
  port: Number(process.env.PORT) || 3000,
} as const;
