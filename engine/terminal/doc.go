// Package terminal keeps a session's terminals: what their programs wrote last, who looks
// at them, and what is typed.
//
// A terminal lasts until its program ends, whoever looks; every viewer sees all of it,
// and may type. Nothing that a program writes is read here: it is bytes. What slows a
// program down is bounded, and what is kept of it too. The package must not know what
// the programs are, nor where they run.
package terminal
