package main

// serviceEdits let an allocator of cluster IPs that is not upstream's own know the
// Service that it allocates for.
var serviceEdits = []edit{
	{
		File:  "pkg/registry/core/service/storage/alloc.go",
		Why:   "IPAddress objects name the Service, whoever allocates",
		Old:   "allocator.(*ipallocator.MetaAllocator)",
		New:   "allocator.(ipallocator.ForService)",
		Count: 2,
	}, {
		File: "pkg/registry/core/service/ipallocator/interfaces.go",
		Why:  "the type of the above",
		Old:  "var (\n	ErrFull ",
		New:  "// ForService is an Interface that is told for which Service it allocates.\ntype ForService interface {\n	AllocateService(service *api.Service, ip net.IP) error\n	AllocateNextService(service *api.Service) (net.IP, error)\n}\n\nvar (\n	ErrFull ",
	},
}
