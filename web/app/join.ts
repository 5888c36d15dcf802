// The entry point of the page that joins a class.
import "./class/join";
