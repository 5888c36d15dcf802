// The entry point of a member's own page.
import "./class/member";
