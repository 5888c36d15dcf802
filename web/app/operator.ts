// The page of whoever runs the server.
import "./operator/page";
