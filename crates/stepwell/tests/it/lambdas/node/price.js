"use strict";

const prices = JSON.parse(process.env.PRICES);

class PriceMissing extends Error {
  constructor(article) {
    super(`no price for ${article}`);
    this.name = "PriceMissing";
  }
}

exports.handler = async (event, context) => {
  const price = prices[event.article];
  if (price === undefined) {
    throw new PriceMissing(event.article);
  }
  console.log("request %s", context.awsRequestId);
  return { ...event, total: price * event.count };
};
