import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

const dynamodb = new DynamoDBClient({});
const sqs = new SQSClient({});
const { TABLE: TableName, QUEUE: QueueName } = process.env;

export const handler = async (event) => {
  const Key = { Order: { S: event.order } };
  await dynamodb.send(
    new PutItemCommand({
      TableName,
      Item: { ...Key, Total: { N: String(event.total) } },
      ConditionExpression: "attribute_not_exists(#order)",
      ExpressionAttributeNames: { "#order": "Order" },
    }),
  );
  const { Item } = await dynamodb.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify({ order: event.order, total: Number(Item.Total.N) }) }));
  return { order: event.order, kept: true };
};
