package plan

import (
	networkingv1 "k8s.io/api/networking/v1"
)

const (
	// Class is the name of the IngressClass and of the GatewayClass that every
	// session has.
	Class = "podhop"
	// IngressController is in the IngressClasses that are served here.
	IngressController = "podhop.io/ingress"

	// legacyClass is the annotation that went before ingressClassName.
	legacyClass = "kubernetes.io/ingress.class"
)

// Served tells whether an Ingress is of a class of ours.
func Served(i *networkingv1.Ingress, classes []*networkingv1.IngressClass) bool {
	name := ""
	if i.Spec.IngressClassName != nil {
		name = *i.Spec.IngressClassName
	} else if legacy, ok := i.Annotations[legacyClass]; ok {
		return legacy == Class // it names a controller rather than a class
	}
	for _, c := range classes {
		if c.Spec.Controller != IngressController {
			continue
		}
		// One without a class is older than the default class, which admission
		// would have given it.
		if c.Name == name || name == "" && c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true" {
			return true
		}
	}
	return false
}
