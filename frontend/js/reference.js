// The API reference: the renderer is ours to serve, the description is our own /openapi.json, and nothing else is asked for.
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

const box = document.getElementById("reference");
SwaggerUI({
  url: box.dataset.openapi,
  domNode: box,
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  tryItOutEnabled: false,
  validatorUrl: null,
});
