// SPDX-License-Identifier: MIT

import Glibc

exit(FuzzCommand(CommandLine.arguments).run())
