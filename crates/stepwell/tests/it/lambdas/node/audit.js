exports.handler = (event, context, callback) => {
  setTimeout(() => {
    if (event.order === "lost") {
      callback(new RangeError("the order is lost"));
    } else {
      callback(null, { audited: event.order, left: context.getRemainingTimeInMillis() > 0 });
    }
  }, 1);
};
