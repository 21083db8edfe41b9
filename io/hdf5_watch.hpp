// Who watches the HDF5 library while it reads texts of variable length.
#pragma once

namespace grainfield {

// watch(seconds) is called before each such reading with the time that it may take, and watch(0) after it: on
// a file whose heap is damaged HDF5 1.10 may turn in circles, which nothing but the end of the process stops.
// Null: nobody watches. Set once, before files are opened.
void watch_hdf5_texts(void (*watch)(unsigned seconds));

}  // namespace grainfield
