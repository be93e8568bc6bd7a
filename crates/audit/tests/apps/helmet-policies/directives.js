module.exports = {
  defaultSrc: ["'self'"],
  scriptSrc: ["'self'", "'unsafe-inline'"], // !! headers/helmet-weakened
  imgSrc: ["'self'", 'data:'],
};
