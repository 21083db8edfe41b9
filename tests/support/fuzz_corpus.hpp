// Small valid files of every text format: what the fuzz tests start from.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace grainfield::test {

// Name and text.
inline std::vector<std::pair<std::string, std::string>> fuzz_corpus() {
  return {
      {"a.dump",
       "ITEM: UNITS\nmetal\nITEM: TIME\n0.5\nITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n3\nITEM: BOX BOUNDS "
       "pp ff pp\n"
       "0 4\n0 5\n0 6\nITEM: ATOMS id type element x y z vx vy vz ix iy iz c_s[1] c_s[2] mass mol\n"
       "1 1 Fe 0 0 0 1 2 3 0 0 0 .5 .25 55.845 1\n3 2 Cr 1 1 1 1 2 3 0 0 1 .5 .25 51.9961 2\n"
       "2 1 Fe 2 2 2 1 2 3 0 -1 0 .5 .25 55.845 3\nITEM: TIMESTEP\n10\nITEM: NUMBER OF ATOMS\n1\n"
       "ITEM: BOX BOUNDS xy xz yz pp pp pp\n-1 4 0.5\n0 5 -1\n0 6 0.25\nITEM: ATOMS id type xs ys zs fx fy "
       "fz q\n"
       "1 1 0.5 0.5 0.5 1 2 3 -1\n"},
      {"b.dump",
       "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS abc origin pp pp pp\n4 0 0 0\n1 4 0 "
       "0\n1 1 4 0\n"
       "ITEM: ATOMS element xsu ysu zsu\nFe 0 0 0\nCr 0.5 0.5 0.5\n"},
      {"a.data",
       "LAMMPS data file via write_data, version 2 Aug 2023, timestep = 100, units = metal\n\n3 atoms\n2 "
       "atom types\n\n"
       "0 4 xlo xhi\n0 4 ylo yhi\n0 4 zlo zhi\n0.5 0 0 xy xz yz\n\nAtom Type Labels\n\n1 Fe\n2 "
       "Cr\n\nMasses\n\n"
       "Fe 55.845\n2 51.9961 # Cr\n\nPair Coeffs # eam\n\n1 1.0\n\nAtoms # charge\n\n1 Fe 0 0 0 0 0 0 0\n"
       "3 2 -1 1 1 1 0 0 1 # c\n2 Cr 1 2 2 2 0 0 0\n\nVelocities\n\n2 0 0 1\n1 0 1 0\n3 1 0 0\n"},
      {"b.data",
       "t\n\n2 atoms\n1 atom types\n\n4 0 0 avec\n1 4 0 bvec\n0 0 4 cvec\n0 0 0 abc origin\n\nAtoms\n\n"
       "1 7 1 0.5 0 0 0\n2 7 1 -0.5 1 1 1\n\nBonds\n\n1 1 1 2\n"},
      {"a.xyz",
       "3\nLattice=\"4 0 0 1 4 0 0 0 4\" Origin=\"1 2 3\" "
       "Properties=species:S:1:pos:R:3:forces:R:3:grain:I:1:ok:L:1 "
       "pbc=\"T T F\" step=5 time=0.5 energy=-3 name=\"a b\" list=[1, 2] set={3 4} bare\n"
       "Fe 0 0 0 1 2 3 1 T\nCr 1 1 1 1 2 3 2 F\nFe 2 2 2 1 2 3 3 T\n"
       "2\nplain\nFe 0 0 0\nFe 1 1 1\n1\nProperties=Z:I:1:pos:R:3:id:I:1\n26 0 0 0 7\n"},
      {"POSCAR",
       "Fe Cr\n1.5\n2 0 0\n0.5 2 0\n0 0 2\nFe Cr\n1 2\nSelective dynamics\nDirect\n0 0 0 T T F\n0.5 0.5 0.5 "
       "F F F\n"
       "0.25 0.25 0.25 T T T Cr\n\n0 0 0\n0.1 0 0\n0 0.1 0\n"},
      {"b.vasp", "Al\n-27\n1 0 0\n0 1 0\n0 0 1\n2\nCartesian\n0 0 0\n1 1 1\nCartesian\n0 0 0\n1 1 1\n"},
      {"a.cfg",
       "BEGIN_CFG\n Size\n 2\n Supercell\n 4 0 0\n 0 4 0\n 0 0 4\n AtomData: id type cartes_x cartes_y "
       "cartes_z fx fy fz "
       "site_en nbh_grades ghost\n 1 0 0 0 0 1 2 3 -4 1.5 false\n 2 1 1 1 1 1 2 3 -4 2.5 true\n Energy\n -8\n"
       " PlusStress: xx yy zz yz xz xy\n 1 2 3 4 5 6\n Feature EFS_by VASP\n Feature a\\_b c\nEND_CFG\n\n"
       "BEGIN_CFG\nSize\n1\nSupercell\n1 1 0\nAtomData: id type cartes_x cartes_y cartes_z\n1 26 0 0 "
       "0\nEND_CFG\n"},
  };
}

}  // namespace grainfield::test
