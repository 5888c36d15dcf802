// The entry point of the pages before a session: progress, and manifests that a link or a
// file brings along. All of them work without it, but for that.
import "./front/mine";
import "./front/progress";
import "./front/given";
import "./front/embed";
