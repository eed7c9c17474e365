// SPDX-License-Identifier: MIT

import AttentionMechanisms
import AttnBenchCommand

// Every command of attnbench, with one more mechanism.
AttnBench.main(adding: [MechanismEntry(Stripes.self)])
