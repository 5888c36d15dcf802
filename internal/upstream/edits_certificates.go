package main

// certificateEdits fit the signers of certificates to sessions.
var certificateEdits = []edit{
	{
		File: "pkg/controller/certificates/signer/signer.go",
		Why:  "the authority is its session's own, and no file that changes",
		Old:  "	wg.Go(func() {\n		c.dynamicCertReloader.Run(ctx, workers)\n	})\n",
		New:  "",
	},
}
