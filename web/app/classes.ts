// The entry point of the page that makes a class.
import "./class/make";
