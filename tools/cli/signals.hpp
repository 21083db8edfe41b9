// Signals that would end the command without a word.
#pragma once

namespace grainfield {

// Before anything else. Afterwards
//   SIGXFSZ  (a quota, `ulimit -f`) is an error of write(), not an end;
//   SIGBUS   says that a file could not be read to its end: inputs are mapped into memory, and this is how
//   the
//            kernel tells that one was cut or its disk fails; exit code 4;
//   SIGSEGV  inside HDF5 says that a file is damaged: the library trusts some sizes in it (1.10: those of the
//            heap that holds texts, and shared types); exit code 3. Elsewhere it is a bug of ours and ends
//            the command as ever;
//   SIGALRM  says that HDF5 has read texts for more than a minute: on a damaged heap it may turn in circles;
//            exit code 3.
void prepare_signals();

}  // namespace grainfield
