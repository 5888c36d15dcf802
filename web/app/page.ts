// The entry point of the learner's page: starts the stream or the recording, and registers the
// live parts, which find their places in the server's HTML by their tag names.
import { Stream } from "./state/stream";
import { data } from "./state/data";
import { follow } from "./state/demo";
import { connection, receive } from "./state/store";
import "./parts/capture";
import "./parts/clock";
import "./parts/cluster";
import "./parts/connection";
import "./parts/dock";
import "./parts/events";
import "./parts/inspector";
import "./parts/journeys";
import "./parts/keys";
import "./parts/lesson";
import "./parts/menu";
import "./parts/objects";
import "./parts/player";
import "./parts/remember";
import "./parts/resize";
import "./parts/send";
import "./parts/terminal";
import "./parts/views";
import "./parts/whatif";
import "./map/element";
import "./editor/element";
import "./editor/given";

if (data?.recording) {
  void import("./recorded/start");
} else if (data) {
  const stream = new Stream(data.api, (all) => (receive(all), follow(all)), (state) => (connection.value = state));
  stream.start();
}
if (data?.member) void import("./class/session");
