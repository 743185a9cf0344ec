// Package capture is where changes come from: the Source contract and what all connectors
// share. Each kind of source has its own folder below; what two relational ones share is in
// capture/relational. A folder here never imports another connector's folder.
package capture
