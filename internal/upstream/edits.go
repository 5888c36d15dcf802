package main

// edits are the only places where Podhop's Kubernetes differs from the published one.
var edits = []edit{}
