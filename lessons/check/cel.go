package check

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"

	"github.com/podhop/podhop/engine/model"
)

// A condition is two expressions over one variable: whether it is so, and what is so
// otherwise.
type condition struct {
	variable  string
	that, saw cel.Program
}

// costly is what an expression may cost at most, in CEL's units: an object check costs
// some hundred, one over 2,000 journeys and their hops some 100,000.
const costly = 10_000_000

// An Environment declares the variables that expressions may use. Objects are as JSON
// has them; journeys and answers have the fields of the HTTP API, and no others. One
// serves any number of checks, because making it costs more than they do.
type Environment struct{ env *cel.Env }

// NewEnvironment makes one; that fails only if the declarations contradict each other.
func NewEnvironment() (*Environment, error) {
	env, err := cel.NewEnv(
		cel.OptionalTypes(), ext.Strings(), ext.Lists(), ext.Sets(), ext.Bindings(),
		ext.NativeTypes(reflect.TypeFor[model.Journey](), reflect.TypeFor[model.Answer](), ext.ParseStructTag("json")),
		cel.Variable("object", cel.DynType),
		cel.Variable("objects", cel.ListType(cel.DynType)),
		cel.Variable("journeys", cel.ListType(cel.ObjectType("model.Journey"))),
		cel.Variable("answers", cel.ListType(cel.ObjectType("model.Answer"))),
	)
	return &Environment{env}, err
}

// compile understands the fields that and saw of what has the variable.
func (e *Environment) compile(variable, that, saw string) (*condition, []FieldError) {
	c := &condition{variable: variable}
	var errs []FieldError
	program := func(field, text string, want *cel.Type) cel.Program {
		if strings.TrimSpace(text) == "" {
			errs = append(errs, FieldError{[]any{field}, "must be set"})
			return nil
		}
		ast, issues := e.env.Compile(text)
		if issues.Err() != nil {
			errs = append(errs, FieldError{[]any{field}, firstIssue(issues)})
			return nil
		}
		if t := ast.OutputType(); !t.IsExactType(want) && !t.IsExactType(cel.DynType) {
			errs = append(errs, FieldError{[]any{field}, fmt.Sprintf("must be a %s, and is a %s", want, t)})
			return nil
		}
		p, err := e.env.Program(ast, cel.CostLimit(costly), cel.InterruptCheckFrequency(1000), cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			errs = append(errs, FieldError{[]any{field}, err.Error()})
		}
		return p
	}
	c.that = program("that", that, cel.BoolType)
	c.saw = program("saw", saw, cel.StringType)
	return c, errs
}

func firstIssue(issues *cel.Issues) string {
	e := issues.Errors()[0]
	return fmt.Sprintf("%s (at character %d)", e.Message, e.Location.Column()+1)
}

// holds says whether a value is as it should be; if not, it is errNot, with what was
// seen. An expression that reaches for a field that is not there is not true.
func (c *condition) holds(ctx context.Context, value any) (saw string, err error) {
	vars := map[string]any{c.variable: value}
	out, _, why := c.that.ContextEval(ctx, vars)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if why == nil && out == types.True {
		return "", nil
	}
	seen, _, err := c.saw.ContextEval(ctx, vars)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err == nil {
		if text, ok := seen.Value().(string); ok {
			return text, errNot
		}
	}
	if why == nil {
		why = err
	}
	return fmt.Sprintf("It is not so: %v.", why), errNot
}
