export const settings = { views: 'templates', proxy: true };
