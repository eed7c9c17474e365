// SPDX-License-Identifier: MIT

import AttnBenchCommand

AttnBench.main(adding: [])
